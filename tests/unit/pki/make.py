#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes pki.h: the keys, certificates and CRLs of the crypto tests.

Needs python3's cryptography and the openssl command. The tests' clock stands at 2026-01-01, so what is
written here stays as valid, or as invalid, as it is now. Run it again only to add something.
"""

import datetime
import subprocess
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OUT = []


def day(year, month=1, date=1):
    return datetime.datetime(year, month, date)


def emit(name, data, comment=""):
    if isinstance(data, bytes):
        data = data.decode()
    if comment:
        OUT.append(f"/* {comment} */")
    OUT.append(f"static const char pki_{name}[] =")
    lines = data.strip().split("\n")
    for i, line in enumerate(lines):
        OUT.append(f'\t"{line}\\n"' + (";" if i == len(lines) - 1 else ""))
    OUT.append("")


def emit_bytes(name, data, comment=""):
    if comment:
        OUT.append(f"/* {comment} */")
    OUT.append(f"static const unsigned char pki_{name}[] = {{")
    for i in range(0, len(data), 12):
        OUT.append("\t" + " ".join(f"0x{b:02x}," for b in data[i : i + 12]))
    OUT.append("};")
    OUT.append("")


def key_pem(key, fmt=serialization.PrivateFormat.PKCS8, enc=None):
    return key.private_bytes(
        serialization.Encoding.PEM, fmt, enc or serialization.NoEncryption()
    )


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def name(*parts):
    """("CN", "x"), with an optional ASN.1 type."""
    oids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME,
            "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "emailAddress": NameOID.EMAIL_ADDRESS}
    return x509.Name(
        [x509.NameAttribute(oids[p[0]], p[1], *([p[2]] if len(p) > 2 else [])) for p in parts]
    )


def key_usage(*names):
    fields = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
              "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{f: f in names for f in fields})


def digest_of(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


class CA:
    def __init__(self, subject, key, issuer=None, after=day(2045), before=day(2020), pathlen=None,
                 is_ca=True, serial=1, ku=True):
        self.subject, self.key = subject, key
        b = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
             .issuer_name(issuer.subject if issuer else subject).serial_number(serial)
             .not_valid_before(before).not_valid_after(after)
             .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        if is_ca is not None:
            b = b.add_extension(x509.BasicConstraints(is_ca, pathlen), True)
        if ku:
            b = b.add_extension(key_usage("key_cert_sign", "crl_sign"), True)
        signer = issuer.key if issuer else key
        if issuer:
            b = b.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        self.cert = b.sign(signer, digest_of(signer))

    def issue(self, subject, key, ku=("digital_signature",), eku=(ExtendedKeyUsageOID.SERVER_AUTH,),
              san=None, after=day(2045), before=day(2020), serial=100, digest=None, extra=None,
              akid=True):
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject)
             .public_key(key.public_key()).serial_number(serial)
             .not_valid_before(before).not_valid_after(after))
        if ku is not None:
            b = b.add_extension(key_usage(*ku), True)
        if eku is not None:
            b = b.add_extension(x509.ExtendedKeyUsage(eku), False)
        if san:
            b = b.add_extension(x509.SubjectAlternativeName(san), False)
        if extra:
            b = b.add_extension(*extra)
        if akid:
            b = b.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        return b.sign(self.key, digest or digest_of(self.key))

    def crl(self, serials=(), this=day(2025, 12), following=day(2044)):
        b = (x509.CertificateRevocationListBuilder().issuer_name(self.subject)
             .last_update(this).next_update(following))
        for s in serials:
            b = b.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(s).revocation_date(day(2025)).build())
        b = b.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        b = b.add_extension(x509.CRLNumber(int(this.timestamp())), False)
        return b.sign(self.key, digest_of(self.key))


def der(tag, body):
    n = len(body)
    head = bytes([n]) if n < 128 else (lambda s: bytes([0x80 | len(s)]) + s)(
        n.to_bytes((n.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + head + body


def resign(cert, key, old, new):
    """|cert| with |old| replaced by |new| (as long) in what is signed, signed again."""
    assert len(old) == len(new)
    tbs = cert.tbs_certificate_bytes
    assert tbs.count(old) == 1, tbs.count(old)
    tbs = tbs.replace(old, new)
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    alg = der(0x30, bytes.fromhex("06082a8648ce3d040302"))
    whole = der(0x30, tbs + alg + der(3, b"\0" + signature))
    import base64
    body = base64.encodebytes(whole).decode().replace("\n", "")
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "-----BEGIN CERTIFICATE-----\n" + "\n".join(lines) + "\n-----END CERTIFICATE-----\n"


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True, capture_output=True).stdout


def new_ec():
    return ec.generate_private_key(ec.SECP256R1())


VPN = name(("C", "DE"), ("O", "Example"), ("CN", "vpn.example.net"))
CLIENT = name(("C", "DE"), ("O", "Example"), ("CN", "alice"))
SERVER, USER = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def algorithms():
    kinds = {"rsa": rsa.generate_private_key(65537, 2048), "p256": new_ec(),
             "p384": ec.generate_private_key(ec.SECP384R1()),
             "ed": ed25519.Ed25519PrivateKey.generate()}
    leafs = {"rsa": rsa.generate_private_key(65537, 2048), "p256": new_ec(),
             "p384": ec.generate_private_key(ec.SECP384R1()),
             "ed": ed25519.Ed25519PrivateKey.generate()}
    for kind, key in kinds.items():
        ca = CA(name(("O", "Lunel"), ("CN", f"Test CA {kind}")), key)
        emit(f"{kind}_ca", pem(ca.cert))
        emit(f"{kind}_server", pem(ca.issue(VPN, leafs[kind], serial=10,
             ku=("digital_signature", "key_encipherment") if kind == "rsa" else ("digital_signature",))))
        emit(f"{kind}_client", pem(ca.issue(CLIENT, leafs[kind], eku=(USER,), serial=11)))
        emit(f"{kind}_key", key_pem(leafs[kind]))


def certificates(ca, key):
    def put(label, *args, **kw):
        cert = ca.issue(*args, **kw)
        emit(label, pem(cert))
        return cert

    dns = x509.DNSName
    good = put("good", VPN, key, serial=5,
               san=[dns("vpn.example.net"), dns("*.example.net"), x509.RFC822Name("a@example.net"),
                    x509.UniformResourceIdentifier("https://example.net/"),
                    x509.IPAddress(__import__("ipaddress").ip_address("192.0.2.1")),
                    x509.IPAddress(__import__("ipaddress").ip_address("2001:db8::1"))])
    emit_bytes("good_sha256", good.fingerprint(hashes.SHA256()))
    put("bare", VPN, key, ku=None, eku=None, serial=6)
    put("revoked", VPN, key, serial=7)
    put("eku_client", VPN, key, eku=(USER,))
    put("eku_both", VPN, key, eku=(SERVER, USER))
    put("eku_any", VPN, key, eku=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))
    put("eku_other", VPN, key, eku=(ExtendedKeyUsageOID.CODE_SIGNING,))
    put("ku_none", VPN, key, ku=None)
    put("ku_both", VPN, key, ku=("digital_signature", "key_encipherment"))
    put("ku_nothing", VPN, key, ku=("content_commitment",))
    put("expired", name(("CN", "old")), key, after=day(2025))
    put("future", name(("CN", "new")), key, before=day(2027))
    put("two_cns", name(("CN", "evil"), ("CN", "vpn.example.net")), key)
    put("two_cns_other", name(("CN", "vpn.example.net"), ("CN", "evil")), key)
    put("no_cn", name(("O", "vpn.example.net")), key)
    put("no_subject", x509.Name([]), key, san=[dns("vpn.example.net")])
    put("upper", name(("CN", "VPN.example.net")), key)
    put("suffix", name(("CN", "vpn.example.net.evil.com")), key)
    put("wild", name(("CN", "*.example.net")), key)
    put("bmp", name(("CN", "vpn.example.net", _ASN1Type.BMPString)), key)
    put("utf8", name(("O", "M\u00fcller"), ("CN", "vpn.example.net")), key)
    put("utf8_cn", name(("CN", "vpn.ex\u00e4mple.net")), key)
    put("comma", name(("O", "a, CN=vpn.example.net"), ("CN", "evil")), key)
    put("escape", name(("CN", "a\x1b[31m\nb")), key)
    put("critical", VPN, key,
        extra=(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True))
    put("long_serial", VPN, key, serial=0x7fedcba98765432100112233445566778899aabb)
    at = put("at", name(("CN", "vpn.example.net@evil.com")), key)
    emit("nul_cn", resign(at, ca.key, b"net@evil", b"net\0evil"))
    san = ca.issue(name(("CN", "x")), key, san=[dns("vpn.example.net.evil.com")])
    emit("nul_san", resign(san, ca.key, b"net.evil", b"net\0evil"))
    second = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"),
                                        bytes.fromhex("300a06082b06010505070302"))
    twice = ca.issue(VPN, key, extra=(second, False))
    # A second extended key usage: clientAuth, where the first one says serverAuth.
    emit("twice", resign(twice, ca.key, b"\x06\x03\x55\x1d\x63", b"\x06\x03\x55\x1d\x25"))
    self_signed = CA(VPN, key, is_ca=None, ku=False)
    emit("self", pem(self_signed.cert))
    emit_bytes("self_sha256", self_signed.cert.fingerprint(hashes.SHA256()))
    old = CA(name(("CN", "old self")), key, is_ca=None, ku=False, after=day(2025))
    emit("self_expired", pem(old.cert))
    emit_bytes("self_expired_sha256", old.cert.fingerprint(hashes.SHA256()))
    emit("client", pem(ca.issue(CLIENT, key, eku=(USER,), serial=20)))
    emit("client_revoked", pem(ca.issue(CLIENT, key, eku=(USER,), serial=8)))


def chains(ca, key):
    other = CA(name(("CN", "Other CA")), new_ec())
    emit("other_ca", pem(other.cert))
    emit("other_leaf", pem(other.issue(VPN, key)))
    emit("other_client", pem(other.issue(CLIENT, key, eku=(USER,))))
    emit("other_crl", pem(other.crl()))
    twin = CA(ca.subject, new_ec())
    emit("twin_leaf", pem(twin.issue(VPN, key, akid=False)), "issued by another key of the same name")
    emit("twin_crl", pem(twin.crl()))
    for label, kw in (("old_ca", {"after": day(2025)}), ("young_ca", {"before": day(2027)})):
        dated = CA(name(("CN", label)), new_ec(), **kw)
        emit(label, pem(dated.cert))
        emit(f"{label}_leaf", pem(dated.issue(VPN, key)))
        below = CA(name(("CN", f"below {label}")), new_ec(), dated)
        emit(f"{label}_below", pem(below.cert))
        emit(f"{label}_below_leaf", pem(below.issue(VPN, key)))
    mid = CA(name(("CN", "Middle CA")), new_ec(), ca, serial=30)
    emit("mid", pem(mid.cert))
    leaf = mid.issue(VPN, key, serial=40)
    emit("mid_leaf", pem(leaf))
    emit("mid_leaf_revoked", pem(mid.issue(VPN, key, serial=41)))
    emit("mid_crl", pem(mid.crl([41])))
    gone = CA(name(("CN", "Revoked middle CA")), new_ec(), ca, serial=9)
    emit("mid_gone", pem(gone.cert))
    emit("mid_gone_leaf", pem(gone.issue(VPN, key)))
    emit("mid_gone_crl", pem(gone.crl()))
    for label, kw in (("mid_old", {"after": day(2025)}), ("mid_no_ca", {"is_ca": False, "ku": False}),
                      ("mid_bare", {"is_ca": None, "ku": False})):
        m = CA(name(("CN", label)), new_ec(), ca, **kw)
        emit(label, pem(m.cert))
        emit(f"{label}_leaf", pem(m.issue(VPN, key)))
    short = CA(name(("CN", "Short CA")), new_ec(), ca, pathlen=0)
    below = CA(name(("CN", "Below short CA")), new_ec(), short)
    emit("path_chain", pem(below.issue(VPN, key)) + pem(below.cert) + pem(short.cert),
         "a path length of 0 with a CA below it")
    chain, top = b"", ca
    for i in range(12):
        top = CA(name(("CN", f"Level {i}")), new_ec(), top)
        chain = pem(top.cert) + chain
    emit("deep_chain", pem(top.issue(VPN, key)) + chain, "12 CAs between leaf and root")
    padding = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.5"), b"\x04" * 14000), False)
    emit("fat_leaf", pem(ca.issue(VPN, key, extra=padding)))


def crls(ca):
    emit("crl", pem(ca.crl([7, 8, 9])))
    emit("crl_empty", pem(ca.crl()))
    emit("crl_newer", pem(ca.crl([5], this=day(2025, 12, 20))))
    emit("crl_stale", pem(ca.crl([7], this=day(2024), following=day(2025))))
    emit("crl_soon", pem(ca.crl([7], following=day(2026, 2))))


def oddities(ca, key):
    """What cryptography will not make, and openssl will."""
    with tempfile.TemporaryDirectory() as tmp:
        t = Path(tmp)

        def sign(csr, signer, out, *more, digest="sha256"):
            """Signs |csr| with the date range of all others, and returns the certificate."""
            for old in t.glob("index*"):
                old.unlink()
            (t / "index").touch()
            (t / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={t}/index\nnew_certs_dir={t}\n"
                                      f"rand_serial=1\npolicy=p\n[p]\ncommonName=supplied\n"
                                      f"[ext]\nextendedKeyUsage=serverAuth\n")
            openssl("ca", "-batch", "-notext", "-config", str(t / "ca.cnf"), "-in", str(t / csr),
                    "-keyfile", str(t / f"{signer}.key"), "-md", digest, "-out", str(t / out),
                    "-startdate", "20200101000000Z", "-enddate", "20450101000000Z", *more)
            return (t / out).read_bytes()

        def request(which, common_name):
            openssl("req", "-new", "-key", str(t / f"{which}.key"), "-subj", f"/CN={common_name}",
                    "-out", str(t / f"{which}.csr"))

        (t / "ca.pem").write_bytes(pem(ca.cert))
        (t / "ca.key").write_bytes(key_pem(ca.key))
        (t / "leaf.key").write_bytes(key_pem(key))
        request("leaf", "v1 server")
        emit("v1_leaf", sign("leaf.csr", "ca", "x", "-cert", str(t / "ca.pem")))
        (t / "v1ca.key").write_bytes(key_pem(new_ec()))
        request("v1ca", "v1 CA")
        emit("v1_ca", sign("v1ca.csr", "v1ca", "v1ca.pem", "-selfsign"))
        ext = ["-extensions", "ext"]
        emit("v1_ca_leaf", sign("leaf.csr", "v1ca", "x", "-cert", str(t / "v1ca.pem"), *ext))
        r = rsa.generate_private_key(65537, 2048)
        weak = CA(name(("CN", "Test CA md5")), r)
        (t / "rsaca.key").write_bytes(key_pem(r))
        (t / "rsaca.pem").write_bytes(pem(weak.cert))
        emit("md5_ca", pem(weak.cert))
        for digest in ("md5", "sha1"):
            emit(f"{digest}_leaf", sign("leaf.csr", "rsaca", "x", "-cert", str(t / "rsaca.pem"), *ext,
                                        digest=digest))
        for bits in ("768", "1024"):
            openssl("genrsa", "-out", str(t / "small.key"), bits)
            request("small", f"rsa{bits}")
            emit(f"rsa{bits}_leaf", sign("small.csr", "rsaca", "x", "-cert", str(t / "rsaca.pem"), *ext))
            emit(f"rsa{bits}_key", (t / "small.key").read_bytes())


def keys(ca, key):
    """One EC and one RSA key in every wrapping; the password is "secret"."""
    emit("key", key_pem(key))
    emit("key_sec1", key_pem(key, serialization.PrivateFormat.TraditionalOpenSSL))
    emit("other_key", key_pem(new_ec()))
    r = rsa.generate_private_key(65537, 2048)
    e = ed25519.Ed25519PrivateKey.generate()
    rsa_cert = ca.issue(VPN, r, ku=("digital_signature", "key_encipherment"))
    ed_cert = ca.issue(VPN, e)
    emit("wrap_rsa_cert", pem(rsa_cert))
    emit("wrap_ed_cert", pem(ed_cert))
    emit("wrap_rsa_pkcs1", key_pem(r, serialization.PrivateFormat.TraditionalOpenSSL))
    with tempfile.TemporaryDirectory() as tmp:
        t = Path(tmp)
        for kind, k, cert in (("ec", key, ca.issue(VPN, key)), ("rsa", r, rsa_cert), ("ed", e, ed_cert)):
            (t / "k").write_bytes(key_pem(k))
            (t / "c").write_bytes(pem(cert))
            (t / "ca").write_bytes(pem(ca.cert))
            emit(f"{kind}_pkcs8_aes", openssl("pkcs8", "-topk8", "-in", str(t / "k"), "-passout", "pass:secret"))
            emit(f"{kind}_pkcs8_3des", openssl("pkcs8", "-topk8", "-in", str(t / "k"), "-passout", "pass:secret",
                                               "-v1", "PBE-SHA1-3DES"))
            emit(f"{kind}_pkcs8_des3v2", openssl("pkcs8", "-topk8", "-in", str(t / "k"), "-passout", "pass:secret",
                                               "-v2", "des3", "-v2prf", "hmacWithSHA1"))
            if kind != "ed":
                for c in ("aes-256-cbc", "aes-128-cbc", "des3"):
                    tool = "rsa" if kind == "rsa" else "ec"
                    extra = ["-traditional"] if tool == "rsa" else []
                    emit(f"{kind}_legacy_{c.replace('-', '')}",
                         openssl(tool, *extra, f"-{c}", "-in", str(t / "k"), "-passout", "pass:secret"))
            export = ["pkcs12", "-export", "-inkey", str(t / "k"), "-in", str(t / "c"), "-certfile", str(t / "ca")]
            emit_bytes(f"{kind}_p12", openssl(*export, "-passout", "pass:secret"), "AES-256, MAC by SHA-256")
            if kind == "rsa":
                emit_bytes(f"{kind}_p12_open", openssl(*export, "-passout", "pass:"), "an empty password")
                emit_bytes(f"{kind}_p12_3des", openssl(*export, "-passout", "pass:secret", "-keypbe", "PBE-SHA1-3DES",
                           "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"))
                emit_bytes(f"{kind}_p12_rc2", openssl(*export, "-legacy", "-passout", "pass:secret"),
                           "certificates by RC2-40, key by 3DES: what old Windows and OpenSSL 1.1 wrote")


def main():
    key = new_ec()
    ca = CA(name(("O", "Lunel"), ("CN", "Test CA")), new_ec())
    OUT.append("/* SPDX-License-Identifier: GPL-3.0-or-later */")
    OUT.append("/* Written by make.py. The clock of all of these stands at 2026-01-01. */")
    OUT.append("/* clang-format off */")
    OUT.append("#ifndef LNL_TEST_PKI_H\n#define LNL_TEST_PKI_H\n")
    emit("ca", pem(ca.cert), "the CA of whatever says nothing else; its leafs' key is pki_key")
    emit_bytes("ca_der", ca.cert.public_bytes(serialization.Encoding.DER))
    algorithms()
    certificates(ca, key)
    chains(ca, key)
    crls(ca)
    oddities(ca, key)
    keys(ca, key)
    OUT.append("#endif")
    Path(__file__).with_name("pki.h").write_text("\n".join(OUT) + "\n")


main()
