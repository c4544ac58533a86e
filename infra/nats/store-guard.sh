# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# Refuses to start a server on the store of another one. Measured: a cluster that gets a single server's store deletes the streams
# ("orphaned stream", after 30 s); a changed system account loses the meta group, and then the streams are deleted, too.
# Sourced by start-nats.sh.
#
# The file `seamq-store` in a store names its owner, one word=value a line. Cluster and mesh are the same kind, because a cluster
# may grow to a mesh on its store.

store_kind() { case $NATS_SHAPE in single) echo single ;; *) echo clustered ;; esac; }

# Prints which kind of nats-server has written the store $1: single, clustered, or nothing if unknown.
store_kind_seen()
(
    set +f
    for found in "$1"/jetstream/*/_js_/_meta_; do
        [ ! -e "$found" ] || { echo clustered && exit; }
    done
    for found in "$1"/jetstream/*/streams; do
        [ ! -e "$found" ] || { echo single && exit; }
    done
)

# store_word NAME: prints the value of NAME in the file `seamq-store`.
store_word() { sed -n "s/^$1=//p" "$NATS_STORE_DIR/seamq-store" 2>/dev/null; }

# same_as_before WORD VALUE WHY: reports an error if the store has another value.
same_as_before()
{
    was=$(store_word "$1")
    [ "$was" = "$2" ] ||
        problem "NATS_STORE_DIR: $NATS_STORE_DIR belongs to $1 \"$was\", not \"$2\": $3"
}

check_store()
{
    case $NATS_STORE_DIR in
    '') problem "NATS_STORE_DIR: not set: an own directory for each server, kept across restarts" && return ;;
    /*) ;;
    *) problem "NATS_STORE_DIR: \"$NATS_STORE_DIR\" is not an absolute path" && return ;;
    esac
    [ -e "$NATS_STORE_DIR" ] || return 0
    if [ ! -d "$NATS_STORE_DIR" ] || [ ! -w "$NATS_STORE_DIR" ]; then
        problem "NATS_STORE_DIR: $NATS_STORE_DIR is not a directory that user $(id -u) may write to"
        return
    fi
    seen=$(store_kind_seen "$NATS_STORE_DIR")
    if [ -n "$seen" ] && [ "$seen" != "$(store_kind)" ]; then
        problem "NATS_STORE_DIR: $NATS_STORE_DIR was a $seen server's, and NATS_SHAPE is $NATS_SHAPE: the streams would be" \
            "deleted; take a new directory and move them (infra/nats/README.md, \"Growing\")"
        return
    fi
    [ -e "$NATS_STORE_DIR/seamq-store" ] || return 0
    same_as_before kind "$(store_kind)" "the streams would be deleted; take a new directory and move them"
    same_as_before server "$NATS_SERVER_NAME" "each server has its own directory and keeps its name"
    same_as_before system_account "$NATS_SYSTEM_ACCOUNT" "the streams would be deleted"
    same_as_before domain "$NATS_DOMAIN" "mirrors and workers look for the old one"
    [ "$(store_kind)" = single ] || same_as_before cluster "$NATS_CLUSTER_NAME" "streams are placed by the cluster's name"
}

# Writes the marker, and holds the store's lock (fd 9) while the server runs.
take_store()
{
    mkdir -p "$NATS_STORE_DIR" || fail "cannot make $NATS_STORE_DIR"
    if command -v flock >/dev/null 2>&1; then
        exec 9>"$NATS_STORE_DIR/seamq-store.lock" || fail "cannot write to $NATS_STORE_DIR"
        flock -n 9 || fail "$NATS_STORE_DIR is in use by another server"
    fi
    {
        echo "kind=$(store_kind)"
        echo "server=$NATS_SERVER_NAME"
        echo "system_account=$NATS_SYSTEM_ACCOUNT"
        echo "domain=$NATS_DOMAIN"
        echo "cluster=$NATS_CLUSTER_NAME"
    } >"$NATS_STORE_DIR/seamq-store.new" || fail "cannot write to $NATS_STORE_DIR"
    mv "$NATS_STORE_DIR/seamq-store.new" "$NATS_STORE_DIR/seamq-store" || fail "cannot write to $NATS_STORE_DIR"
}
