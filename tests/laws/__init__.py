"""The rules of this repository as functions over a folder, so that they can be seen to fail."""
