"""A certificate of this machine's loopback address, and the authority that vouches for it."""

from pathlib import Path
from typing import NamedTuple

import trustme

from genesis.venue.tls import TlsFiles


class Certificate(NamedTuple):
    """What a venue is given to show, and what a client must believe to trust it."""

    files: TlsFiles
    ca_file: Path


def loopback_certificate(folder: Path) -> Certificate:
    """Issue a certificate by an authority of its own, into a folder."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "::1", "localhost")
    files = TlsFiles(certificate=folder / "venue.pem", key=folder / "venue.key")
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    issued.private_key_pem.write_to_path(str(files.key))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(files.certificate), append=number > 0)
    return Certificate(files, ca_file)
