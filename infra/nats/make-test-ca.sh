#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Creates a certificate authority for tests and one certificate for each name, valid for servers and clients, because each
# end of a route or gateway is both. Not for production: keys have no passphrase, certificates cannot be revoked.
set -eu
umask 077

usage() { echo "usage: make-test-ca.sh DIR NAME[,ALSO...]...   (ALSO: more DNS names or IPv4 addresses; localhost and 127.0.0.1 always)"; }

case ${1-} in -h | --help) usage && exit 0 ;; esac
[ $# -ge 2 ] || { usage >&2 && exit 2; }
command -v openssl >/dev/null || { echo "make-test-ca: needs the openssl command" >&2 && exit 1; }
dir=$1
shift
mkdir -p "$dir"

# quietly COMMAND...: prints the output of the command only if it fails.
quietly() { "$@" >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2 && exit 1; }; }

new_key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# alternatives NAME,ALSO...: prints subjectAltName for openssl.
alternatives()
{
    printf 'DNS:localhost,IP:127.0.0.1'
    for name in $(printf '%s' "$1" | tr ',' ' '); do
        case $name in
        *[!0-9.]*) printf ',DNS:%s' "$name" ;;
        *) printf ',IP:%s' "$name" ;;
        esac
    done
}

if [ ! -e "$dir/ca.pem" ]; then
    new_key "$dir/ca-key.pem"
    quietly openssl req -x509 -new -key "$dir/ca-key.pem" -days 30 -subj "/CN=SeaMQ test CA" -out "$dir/ca.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
fi
for names in "$@"; do
    name=${names%%,*}
    new_key "$dir/$name-key.pem"
    quietly openssl req -new -key "$dir/$name-key.pem" -subj "/CN=$name" -out "$dir/$name.csr"
    cat >"$dir/$name.ext" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=$(alternatives "$names")
END
    quietly openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" -CAcreateserial -days 30 \
        -extfile "$dir/$name.ext" -out "$dir/$name.pem"
    rm -f "$dir/$name.csr" "$dir/$name.ext"
done
rm -f "$dir/openssl.log"
