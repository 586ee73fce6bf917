"""What an edit will do to the model, before any weight changes: to each entity from its key alone, and on the whole from edits that were measured."""
