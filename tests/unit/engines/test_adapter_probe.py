"""The probe of an adapter reports how far it is from the base model and from the nearest adapter."""

from __future__ import annotations

import logging

from manybaskets.engines.adapter_probe import Probes


def test_the_log_names_the_nearest_adapter_and_both_distances(tmp_path, caplog):
    probes = Probes("smol")
    for name in ("first", "second"):
        probes.register(tmp_path / name, name)
    probes.note_base([-1.0, -2.0], [-1.0, -2.0])
    with caplog.at_level(logging.INFO):
        probes.check("first", [-2.5, -2.0])
        probes.check("second", [-3.0, -2.0])
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"adapter {tmp_path / 'first'} is active")
    assert "changes by up to 2 nats, and by 0.5 nats from the nearest" in second
    assert second.endswith(f"adapter {tmp_path / 'first'}")
