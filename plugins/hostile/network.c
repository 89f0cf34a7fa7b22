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

/* A connection to a product that the admin named, turned elsewhere by every call that could. The product sends "hello"
 * and returns what it is sent; the one over a Unix socket sends a descriptor of the canary with its first byte. */
#ifdef HOSTILE_CONNECTION
static long send_message(int fd, int flags, struct sockaddr *to, socklen_t length, int rights) {
    struct iovec part = {"HOSTILE", 7};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {.msg_name = to, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1};
    if (rights >= 0) {
        memcpy(CMSG_DATA(&control.header), &rights, sizeof rights);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    return sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

HOSTILE(turns_its_connection) {
    GoodsteadReply reply = site->ask(site->context, text("{\"ask\": \"connect\", \"address\": \"" HOSTILE_CONNECTION "\"}"));
    int fd = reply.descriptor;
    char heard[16] = {0};
    int greeted = fd >= 0 && recv(fd, heard, 5, MSG_WAITALL) == 5 && memcmp(heard, "hello", 5) == 0;
    attempt("not_connected", greeted ? EPERM : 0);

    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons(HOSTILE_TCP), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in udp = tcp;
    udp.sin_port = htons(HOSTILE_UDP);
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = HOSTILE_SOCKET};
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    const struct {
        const char *name;
        struct sockaddr *to;
        socklen_t length;
    } elsewhere[] = {{"tcp", (struct sockaddr *)&tcp, sizeof tcp},
                     {"udp", (struct sockaddr *)&udp, sizeof udp},
                     {"unix", (struct sockaddr *)&path, sizeof path},
                     {"nowhere", &none, sizeof none}};
    const int flags[] = {0, MSG_FASTOPEN, MSG_FASTOPEN | MSG_DONTWAIT, MSG_OOB, MSG_MORE | MSG_FASTOPEN};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        for (size_t flag = 0; flag < sizeof flags / sizeof *flags; flag++) {
            char name[64];
            snprintf(name, sizeof name, "message_%s_%x", elsewhere[i].name, (unsigned)flags[flag]);
            ATTEMPT(name, send_message(fd, flags[flag], elsewhere[i].to, elsewhere[i].length, -1));
            snprintf(name, sizeof name, "sendto_%s_%x", elsewhere[i].name, (unsigned)flags[flag]);
            ATTEMPT(name, sendto(fd, "HOSTILE", 7, flags[flag] | MSG_NOSIGNAL, elsewhere[i].to, elsewhere[i].length));
        }
        char name[64];
        snprintf(name, sizeof name, "connect_%s", elsewhere[i].name);
        ATTEMPT(name, connect(fd, elsewhere[i].to, elsewhere[i].length));
        snprintf(name, sizeof name, "bind_%s", elsewhere[i].name);
        ATTEMPT(name, bind(fd, elsewhere[i].to, elsewhere[i].length));
    }
    ATTEMPT("fast_open_without_address", sendto(fd, "HOSTILE", 7, MSG_FASTOPEN | MSG_NOSIGNAL, 0, 0));
    ATTEMPT("out_of_band", send(fd, "H", 1, MSG_OOB | MSG_NOSIGNAL));
    ATTEMPT("listen", listen(fd, 1));
    ATTEMPT("accept", accept4(fd, 0, 0, SOCK_NONBLOCK));
    int yes = 1;
    ATTEMPT("fast_open_connect", setsockopt(fd, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, &yes, sizeof yes));
    ATTEMPT("transparent", setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &yes, sizeof yes));
    ATTEMPT("repair", setsockopt(fd, IPPROTO_TCP, 19 /* TCP_REPAIR */, &yes, sizeof yes));
    ATTEMPT("upper_layer", setsockopt(fd, IPPROTO_TCP, 31 /* TCP_ULP */, "tls", 3));
    ATTEMPT("give_a_descriptor", send_message(fd, 0, 0, 0, fd));
    /* What the product hands over: by the call that receives it, and by looking at every descriptor that there is. */
    char byte;
    struct iovec part = {&byte, 1};
    char control[CMSG_SPACE(4 * sizeof(int))];
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ATTEMPT("take_a_descriptor", recvmsg(fd, &message, MSG_DONTWAIT));
    int canary = 0;
    for (int other = 0; other < 64; other++) {
        char start[8] = {0};
        if (other == fd || other == channel()) continue;
        if (read(other, start, 6) == 6 && memcmp(start, "CANARY", 6) == 0) canary = 1;
    }
    attempt("the_canary_by_descriptor", canary ? 0 : EPERM);
    /* The connection is still what it was: what was granted works. */
    int echoed = send(fd, "as granted", 10, MSG_NOSIGNAL) == 10 && recv(fd, heard, 10, MSG_WAITALL) == 10 &&
                 memcmp(heard, "as granted", 10) == 0;
    attempt("not_as_granted", echoed ? EPERM : 0);
}
#endif
