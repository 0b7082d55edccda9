"""The agents that work on a story, one stage each, on the OpenAI Agents SDK; by rules alone where no model is set.

`stages.py` is the door: `triage`, `analyze`, `enhance`. `context.py` says what a stage is given.
"""
