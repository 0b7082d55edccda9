"""Task types of stories: triage, analysis and enhancement by agents, and the write-back to Shortcut."""
