# Imports a good part of the library, which lies in the directory /lib.
import sys

sys.path[:] = ['/lib']
import argparse, ast, bisect, calendar, configparser, csv, dataclasses, datetime, decimal, difflib, email.message
import email.parser, fractions, heapq, html.parser, http.client, inspect, json, logging, pprint, random, statistics
import textwrap, tokenize, typing, unittest, urllib.request, xml.dom.minidom, xml.etree.ElementTree

print(len(sys.modules) > 100)
