# A stand-in internet in this namespace, and an application's view of it; sourced by demo_story.sh, which has
# set $room, an empty directory. A real DNS server and a real object server with a certificate of a CA made
# here, on addresses that are reserved for documentation (RFC 5737).
dns_server=203.0.113.53
object_server=203.0.113.10
pinhole_address=192.0.2.1
buckets=(my-bucket other-bucket)
started=() # process ids, for stop_all

# start NAME COMMAND...: in the background, with its output in $room/NAME.log.
start()
{
    local name=$1
    shift
    "$@" >"$room/$name.log" 2>&1 &
    started+=($!)
}

stop_all()
{
    local process
    for process in "${started[@]}"; do
        kill "$process" 2>/dev/null || true
    done
    wait
}

# eventually SECONDS COMMAND...: until the command succeeds. For what other programs do not announce.
eventually()
{
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        read -r -t 0.05 <> <(:) || true
    done
}

can_connect() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

make_network()
{
    ip link set lo up
    local address
    for address in $dns_server $object_server $pinhole_address; do
        ip address add "$address/32" dev lo
    done
}

make_certificates()
{
    local subject='/O=Pinhole demo'
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "$subject CA" \
        -keyout "$room/ca.key" -out "$room/demo-ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject server" \
        -keyout "$room/server.key" -out "$room/server.csr" 2>/dev/null
    echo 'subjectAltName = DNS:*.storage.googleapis.com' >"$room/server.ext"
    openssl x509 -req -in "$room/server.csr" -CA "$room/demo-ca.pem" -CAkey "$room/ca.key" -days 2 \
        -extfile "$room/server.ext" -out "$room/server.pem" 2>/dev/null
}

start_dns_server()
{
    cat >"$room/zone" <<EOT
\$ORIGIN storage.googleapis.com.
\$TTL 60
@ SOA ns.storage.googleapis.com. nobody.storage.googleapis.com. 1 3600 600 86400 60
@ NS ns.storage.googleapis.com.
ns A $dns_server
* A $object_server
EOT
    cat >"$room/nsd.conf" <<EOT
server:
    ip-address: $dns_server
    username: ""
    chroot: ""
    zonesdir: "$room"
    pidfile: "$room/nsd.pid"
    xfrdfile: "$room/nsd.xfrd"
    xfrdir: "$room"
    zonelistfile: "$room/nsd.zones"
    database: ""
remote-control:
    control-enable: no
zone:
    name: storage.googleapis.com
    zonefile: zone
EOT
    PATH=$PATH:/usr/sbin start nsd nsd -d -c "$room/nsd.conf"
}

start_object_server()
{
    local bucket
    for bucket in "${buckets[@]}"; do
        mkdir -p "$room/buckets/$bucket"
        echo "hello from $bucket" >"$room/buckets/$bucket/hello.txt"
    done
    # One process, which stays who it is: another user could not read $room.
    cat >"$room/nginx.conf" <<EOT
daemon off;
user root;
master_process off;
pid $room/nginx.pid;
error_log stderr;
events { }
http {
    access_log off;
    client_body_temp_path $room/nginx.body;
    proxy_temp_path $room/nginx.proxy;
    fastcgi_temp_path $room/nginx.fastcgi;
    uwsgi_temp_path $room/nginx.uwsgi;
    scgi_temp_path $room/nginx.scgi;
    server {
        listen $object_server:443 ssl;
        server_name ~^(?<bucket>[a-z0-9-]+)\.storage\.googleapis\.com\$;
        ssl_certificate $room/server.pem;
        ssl_certificate_key $room/server.key;
        root $room/buckets/\$bucket;
    }
}
EOT
    PATH=$PATH:/usr/sbin start nginx nginx -p "$room" -e stderr -c "$room/nginx.conf"
}

# Everything in this namespace asks Pinhole for names, as in a pod whose dnsConfig says so.
point_resolver_at_pinhole()
{
    printf 'nameserver %s\n' $pinhole_address >"$room/resolv.conf"
    printf 'hosts: files dns\n' >"$room/nsswitch.conf"
    local file
    for file in resolv.conf nsswitch.conf; do
        mount --bind "$room/$file" "$(readlink -f "/etc/$file")"
    done
    [ ! -d /run/nscd ] || mount -t tmpfs none /run/nscd
}

start_internet()
{
    make_network
    make_certificates
    start_dns_server
    start_object_server
    point_resolver_at_pinhole
    eventually 20 can_connect $dns_server 53 && eventually 20 can_connect $object_server 443 || {
        cat "$room/nsd.log" "$room/nginx.log" >&2
        fail "the stand-in internet did not start"
    }
}
