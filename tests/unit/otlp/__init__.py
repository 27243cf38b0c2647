"""Tests of files of spans."""
