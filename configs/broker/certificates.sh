#!/bin/sh
# A certificate authority for trying, or for a site that has none, and certificates from it. Everything is kept in the folder this is called in.
#
#   sh certificates.sh authority                    once: ca.pem for everybody, ca.key for nobody, and an empty list of revoked certificates
#   sh certificates.sh broker broker.example.org    for a broker, by the name that clients connect to; DAYS=397 of life
#   sh certificates.sh client BR-201                for a unit, a host or a bridge, by its name at the broker
#   sh certificates.sh revoke BR-201                a certificate that may no longer be used: copy crl.pem to the broker, restart it
#
# A second call for the same name renews. CA=NAME calls the authority otherwise than "edgectl site"; WHEN="-startdate 20260101000000Z -enddate 20260102000000Z"
# instead of DAYS makes a certificate with exact times, to see what happens at its end.
set -eu
umask 077

fail() {
    printf 'certificates: %s\n' "$*" >&2
    exit 1
}

settings() {
    cat <<END
[req]
distinguished_name = none
[none]
[ca]
default_ca = site
[site]
database = index.txt
new_certs_dir = issued
serial = serial
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = named
unique_subject = no
[named]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[broker]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $1
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
END
}

issue() {
    kind=$1 name=$2 when=${WHEN:--days ${DAYS:-397}}
    [ -f ca.key ] || fail "there is no authority here; call: sh certificates.sh authority"
    case $name in *[/+#]* | '') fail "'$name' is no name" ;; esac
    settings "DNS:$name" >ca.conf
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config ca.conf -subj "/CN=$name" \
        -keyout "$name.key" -out "$name.csr" 2>/dev/null
    # shellcheck disable=SC2086  # a list of words
    openssl ca -batch -notext -config ca.conf -extensions "$kind" $when -in "$name.csr" -out "$name.pem" 2>ca.log ||
        fail "$(cat ca.log)"
    rm "$name.csr"
    chmod 644 "$name.pem"
    echo "$name.pem, $name.key: $(openssl x509 -in "$name.pem" -noout -enddate)"
}

# Whoever checks against a list that is over refuses everybody, so it lasts as long as the authority.
list() {
    openssl ca -config ca.conf -gencrl -crldays 3650 -out crl.pem 2>ca.log || fail "$(cat ca.log)"
    chmod 644 crl.pem
}

case ${1-} in
    authority)
        [ ! -f ca.key ] || fail "there is an authority here already"
        settings DNS:none >ca.conf
        mkdir -p issued
        : >index.txt
        echo 1000 >serial
        echo 1000 >crlnumber
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config ca.conf -extensions authority \
            -subj "/CN=${CA:-edgectl site}" -days 3650 -keyout ca.key -out ca.pem 2>ca.log || fail "$(cat ca.log)"
        chmod 644 ca.pem
        list
        ;;
    broker | client) issue "$1" "${2-}" ;;
    revoke)
        openssl ca -config ca.conf -revoke "${2-}.pem" 2>ca.log || fail "$(cat ca.log)"
        list
        ;;
    *) sed -n 's/^# \{0,1\}//; 2,10p' "$0" ;;
esac
