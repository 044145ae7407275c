"""How the tables came to be, one step a version. A step that was released is never changed."""
