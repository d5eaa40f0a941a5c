"""Variables, modules, scopes and the graph: what everything else stands on."""
