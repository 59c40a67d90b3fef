"""The walk itself: from the explained number back to the input, one rule a node.

`objective` says which number is explained and what the walk starts from, `tape` holds the values of the forward run,
`site` is what a rule sees of one node, `walk` is the loop over the nodes, and `book` keeps accounts of it.
"""
