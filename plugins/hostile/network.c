/* The network by its own hands: every kind of socket, names, and what the conversation's own socket could be used for. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "hostile.h"

static void try_socket(const char *name, int family, int kind, int protocol) { ATTEMPT(name, socket(family, kind, protocol)); }

HOSTILE(opens_sockets) {
    (void)site;
    try_socket("tcp", AF_INET, SOCK_STREAM, 0);
    try_socket("tcp6", AF_INET6, SOCK_STREAM, 0);
    try_socket("udp", AF_INET, SOCK_DGRAM, 0);
    try_socket("udp6", AF_INET6, SOCK_DGRAM, 0);
    try_socket("unix_stream", AF_UNIX, SOCK_STREAM, 0);
    try_socket("unix_datagram", AF_UNIX, SOCK_DGRAM, 0);
    try_socket("netlink", AF_NETLINK, SOCK_RAW, 0);
    try_socket("mptcp", AF_INET, SOCK_STREAM, 262);
    try_socket("vsock", AF_VSOCK, SOCK_STREAM, 0);
    try_socket("raw", AF_INET, SOCK_RAW, IPPROTO_ICMP);
    try_socket("ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    try_socket("packet", AF_PACKET, SOCK_RAW, 0);
    try_socket("sctp", AF_INET, SOCK_STREAM, 132);
    try_socket("kernel_crypto", AF_ALG, SOCK_SEQPACKET, 0);
    try_socket("bluetooth", AF_BLUETOOTH, SOCK_RAW, 0);
    try_socket("xdp", 44 /* AF_XDP */, SOCK_RAW, 0);
    try_socket("smc", 43 /* AF_SMC */, SOCK_STREAM, 0);
    int pair[2];
    ATTEMPT("pipe", pipe(pair));
}

/* The whole way to each listener that the test has up. */
HOSTILE(reaches_listeners) {
    (void)site;
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_port = htons(HOSTILE_TCP), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ATTEMPT("tcp", connect(fd, (struct sockaddr *)&loopback, sizeof loopback));
    fd = socket(AF_INET, SOCK_STREAM, 262);
    ATTEMPT("mptcp", connect(fd, (struct sockaddr *)&loopback, sizeof loopback));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    ATTEMPT("fast_open", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&loopback, sizeof loopback));
    loopback.sin_port = htons(HOSTILE_UDP);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    ATTEMPT("udp", sendto(fd, "x", 1, 0, (struct sockaddr *)&loopback, sizeof loopback));
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = HOSTILE_SOCKET};
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ATTEMPT("unix", connect(fd, (struct sockaddr *)&path, sizeof path));
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    memcpy(abstract.sun_path + 1, HOSTILE_ABSTRACT, sizeof HOSTILE_ABSTRACT - 1);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + sizeof HOSTILE_ABSTRACT - 1;
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ATTEMPT("abstract", connect(fd, (struct sockaddr *)&abstract, length));
    struct addrinfo *found;
    attempt("dns", getaddrinfo("name.invalid.goodstead.example", "80", 0, &found) == 0 ? 0 : EPERM);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    loopback.sin_port = 0;
    ATTEMPT("bind", bind(fd, (struct sockaddr *)&loopback, sizeof loopback));
    ATTEMPT("listen", listen(fd, 1));
}

/* One socket it does have. */
HOSTILE(uses_the_channel) {
    (void)site;
    int fd = channel();
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = HOSTILE_SOCKET};
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    ATTEMPT("reconnect", connect(fd, (struct sockaddr *)&path, sizeof path));
    ATTEMPT("disconnect", connect(fd, &none, sizeof none));
    ATTEMPT("bind", bind(fd, (struct sockaddr *)&path, sizeof(sa_family_t)));
    ATTEMPT("listen", listen(fd, 1));
    ATTEMPT("accept", accept4(fd, 0, 0, SOCK_NONBLOCK));
    uint64_t peer[4];
    socklen_t length = 12;
    ATTEMPT("peer_pidfd", getsockopt(fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, peer, &length));
    struct ifconf interfaces = {.ifc_len = sizeof peer, .ifc_buf = (char *)peer};
    ATTEMPT("interfaces", ioctl(fd, SIOCGIFCONF, &interfaces));
    struct ifreq interface = {.ifr_name = "lo"};
    ATTEMPT("interface_down", ioctl(fd, SIOCGIFFLAGS, &interface));
    ATTEMPT("address", ioctl(fd, SIOCGIFADDR, &interface));
    ATTEMPT("terminal_input", ioctl(1, 0x5412 /* TIOCSTI */, "x"));
    ATTEMPT("file_of_the_socket", ioctl(fd, 0x89e0 /* SIOCUNIXFILE */));
}
