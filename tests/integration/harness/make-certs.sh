#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make-certs.sh DIR: a CA, a server and a client certificate for loopback, and a CA that signed neither.
set -eu
cd "$1"

new_ca() { # file, name
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$1.key" -out "$1.pem" 2>>openssl.log
}

new_cert() { # file, subject, extensions
    printf '%s\n' "$3" >"$1.ext"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr" 2>>openssl.log
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" \
        -out "$1.pem" 2>>openssl.log
}

new_ca ca seamq-test-ca
new_ca other-ca seamq-other-ca
new_cert server localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth'
new_cert client it-client 'extendedKeyUsage=clientAuth'
