"""How a number, a table, a figure and a page look; `@table` and `@figure` register new ones."""
