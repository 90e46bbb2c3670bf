"""Measurements of Driftline beside its peers. They report; nothing here is asserted in a test."""
