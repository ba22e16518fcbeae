"""A workspace opened: the playbook, the stores and the engine of one folder, and the verbs over all rooms.

Terminal, console and API call these verbs and no room directly, so that one verb is one operation everywhere.
"""
