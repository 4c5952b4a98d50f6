"""What can be made to go wrong, by name; each is healed by one kind of act only."""
