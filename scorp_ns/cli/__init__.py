"""The command `scorp` and its subcommands."""
