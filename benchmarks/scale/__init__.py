"""`./dev scale`: what ten images and ten million take, simulated where it would take weeks, else measured."""
