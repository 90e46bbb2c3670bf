"""The commands, one file each; `cli.py` gives them their names."""
