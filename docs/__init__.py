"""Documents, and the program that writes README's figures."""
