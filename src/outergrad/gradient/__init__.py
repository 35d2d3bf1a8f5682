"""Outer gradients, slots (on-the-fly shuffling), inner gradients."""
