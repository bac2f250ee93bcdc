"""Arguments of a chat template from the config, and the variables that a template reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, ext, meta, nodes

from manybaskets.errors import UserError

# What the renderer passes, what transformers passes, and parameters of `apply_chat_template`, which
# would not reach the template.
RESERVED = frozenset(
    {"messages", "conversation", "add_generation_prompt", "continue_final_message", "date_string"}
    | {"tools", "documents", "chat_template", "tokenize", "tokenizer_kwargs", "padding"}
    | {"truncation", "max_length", "return_tensors", "return_dict"}
    | {"return_assistant_tokens_mask", "raise_exception", "strftime_now"}
    | {f"{kind}_token" for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")}
    | {"additional_special_tokens"}
)


class _Generation(ext.Extension):
    """The block `{% generation %}`, which transformers adds to Jinja: its content is rendered."""

    tags = {"generation"}

    def parse(self, parser: Any) -> Any:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@cache
def template_variables(template: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Variables of a chat template.

    Returns:
        All names that it reads without having set them on every path; and those of them that are
        meant as arguments: not reserved, and never set by the template or only by default.
    """
    try:
        tree = Environment(extensions=[_Generation, ext.loopcontrols]).parse(template)
    except TemplateSyntaxError:
        return frozenset(), ()  # rendering explains the fault
    read = meta.find_undeclared_variables(tree)
    written = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    tests = [each for each in tree.find_all(nodes.Test) if each.name in ("defined", "undefined")]
    filters = [each for each in tree.find_all(nodes.Filter) if each.name in ("default", "d")]
    optional = {each.node.name for each in tests + filters if isinstance(each.node, nodes.Name)}
    return frozenset(read), tuple(sorted(read - RESERVED - (written - optional)))


def check_template_arguments(
    arguments: Iterable[str], template: str | None, name: str, where: str
) -> None:
    """Check that a chat template reads every argument that the config gives it.

    Args:
        template: text of the template; None for a model without one.
        name: entry of `models`.
        where: file or folder of the template.

    Raises:
        UserError: the template never reads one of them.
    """
    read, offered = template_variables(template or "")
    unknown = [each for each in arguments if each not in read]
    if unknown:
        listed = ", ".join(offered) or "none"
        raise UserError(
            what=f"the chat template of model '{name}' does not read {', '.join(unknown)}",
            where=f"models.{name}.template_arguments; template in {where}",
            expected=f"variables that the template reads: {listed}",
            remedy=f"correct the name, or remove it from `models.{name}.template_arguments`",
        )


def template_digest(template: Any, arguments: Mapping[str, Any]) -> str:
    """Digest of a chat template with the arguments that it gets, as 16 hexadecimal digits."""
    text = str(template)
    if arguments:
        text += json.dumps(arguments, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
