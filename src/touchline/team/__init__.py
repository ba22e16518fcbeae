"""Who works with a workspace: users and their roles, invitations, machines' keys, and the audit of what each of them did."""
