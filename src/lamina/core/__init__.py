"""Variables, modules, scopes and the graph, on which all other packages build."""
