"""Promises on money and data, held against kills, full disks, damage and storms: `./dev rigs`."""
