"""Set-up of a checkout: Python environment, local model, UI and browser. Standard library only, as it runs first."""
