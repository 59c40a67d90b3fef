"""Rules: how the message that arrives at a node's output becomes messages to its operands.

A rule is written once for a family of operators and names no operator. `rule` says what every rule declares;
`gradient`, `relu`, `lrp`, `attention`, `deeplift` and `reveal` hold the rules of the methods, `parts` what they share.
"""
