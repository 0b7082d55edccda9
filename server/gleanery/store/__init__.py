"""Where everything is kept: the contract (`base`) and the stores that fulfil it."""
