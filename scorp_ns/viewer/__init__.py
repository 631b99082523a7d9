"""The tab of nerfstudio's viewer in which people see objects and correct them."""
