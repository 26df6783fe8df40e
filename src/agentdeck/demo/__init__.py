"""A scripted agent, and a tour of the program with it. No model, no account, no key."""
