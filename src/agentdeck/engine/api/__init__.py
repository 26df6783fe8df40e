"""The parts of the Deck: each is one subject, and reads or does what a face asks of it."""
