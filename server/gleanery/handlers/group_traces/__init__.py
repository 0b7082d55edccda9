"""Tasks of type `group_traces`: the traces of a project and a path into groups of one template each. And `forget_traces`."""
