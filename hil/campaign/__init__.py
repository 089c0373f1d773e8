"""The fault campaign: the real programs on a served bench, broken from outside and judged from outside."""
