"""Promises on money and data, held against kills, full disks and storms: `./dev rigs`, also with `--long`."""
