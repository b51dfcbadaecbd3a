"""Four eyes: what one person proposes and another one approves. `approvals` is the face; routes call it."""
