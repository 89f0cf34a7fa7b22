//! The kinds of hostility, and what each must come to.

/// A kind of hostility and what it must come to.
pub struct Kind {
    /// The file in `plugins/hostile`.
    pub file: &'static str,
    /// Which of the file's modes.
    pub mode: &'static str,
    /// What the plugin may take.
    pub seconds: u32,
    /// What it must come to.
    pub end: End,
}

/// What a hostile plugin must come to.
pub enum End {
    /// Its facts are unknown: this kind of cause, with these words in it.
    Loses(&'static str, &'static str),
    /// It lives on: its facts are taken, and every one of at least so many attempts was refused.
    Lives(usize),
}

use End::{Lives, Loses};

const fn fails(file: &'static str, mode: &'static str, words: &'static str) -> Kind {
    Kind { file, mode, seconds: 10, end: Loses("plugin-failed", words) }
}

const fn hangs(file: &'static str, mode: &'static str) -> Kind {
    Kind { file, mode, seconds: 1, end: Loses("timed-out", "longer than its 1 s") }
}

const fn lives(file: &'static str, mode: &'static str, attempts: usize) -> Kind {
    Kind { file, mode, seconds: 10, end: Lives(attempts) }
}

const fn loses(file: &'static str, mode: &'static str, cause: &'static str, words: &'static str) -> Kind {
    Kind { file, mode, seconds: 10, end: Loses(cause, words) }
}

/// A file of `plugins/hostile`.
pub const ITSELF: &str = "itself.c";
const PROCESSES: &str = "processes.c";
const CONSTRUCTOR: &str = "constructor.c";
/// A file of `plugins/hostile`.
pub const PROTOCOL: &str = "protocol.c";
const FILES: &str = "files.c";
/// A file of `plugins/hostile`.
pub const NETWORK: &str = "network.c";
/// A file of `plugins/hostile`.
pub const KERNEL: &str = "kernel.c";
/// A file of `plugins/hostile`.
pub const BROKER: &str = "broker.c";

/// To its own process.
pub const TO_ITSELF: [Kind; 18] = [
    fails(ITSELF, "null_dereference", "crashed (signal 11)"),
    fails(ITSELF, "aborts", "crashed (signal 6)"),
    fails(ITSELF, "exits", "ended in the middle (exit code 0)"),
    fails(ITSELF, "exits_at_once", "ended in the middle (exit code 0)"),
    fails(ITSELF, "illegal_instruction", "crashed (signal 4)"),
    fails(ITSELF, "jumps_nowhere", "crashed (signal 11)"),
    fails(ITSELF, "stack_overflow", "crashed (signal"),
    fails(ITSELF, "foreign_exception", "crashed (signal"),
    hangs(ITSELF, "endless_loop"),
    hangs(ITSELF, "sleeps"),
    hangs(ITSELF, "ignores_signals"),
    lives(ITSELF, "memory_hog", 2),
    fails(ITSELF, "careless_memory_hog", "crashed (signal 11)"),
    lives(ITSELF, "descriptor_leak", 2),
    lives(ITSELF, "output_flood", 0),
    fails(ITSELF, "closes_everything", "the plugin "),
    fails(ITSELF, "closes_everything_and_stays", "closed the conversation"),
    lives(ITSELF, "makes_code", 5),
];

/// In constructors and destructors.
pub const UNCALLED: [Kind; 7] = [
    lives(CONSTRUCTOR, "constructor_attacks", 17),
    lives(CONSTRUCTOR, "constructor_makes_code", 10),
    fails(CONSTRUCTOR, "constructor_crashes", "crashed (signal 6)"),
    hangs(CONSTRUCTOR, "constructor_hangs"),
    lives(CONSTRUCTOR, "constructor_forges", 1),
    lives(CONSTRUCTOR, "destructor_hangs", 0),
    hangs(CONSTRUCTOR, "exits_and_hangs"),
];

/// In the frames of the conversation, and in the functions that it is handed.
pub const FRAMES: [Kind; 24] = [
    fails(PROTOCOL, "frame_of_no_kind", "a message of no known kind"),
    fails(PROTOCOL, "frame_of_the_agent", "a message out of order"),
    fails(PROTOCOL, "reply_that_nobody_awaits", "a message out of order"),
    fails(PROTOCOL, "greeting_again", "a message out of order"),
    fails(PROTOCOL, "loaded_again", "a message out of order"),
    fails(PROTOCOL, "huge_body", "a message larger than its limit"),
    fails(PROTOCOL, "huge_data", "a message larger than its limit"),
    hangs(PROTOCOL, "largest_body_of_which_nothing_comes"),
    fails(PROTOCOL, "garbage", "a message of no known kind"),
    fails(PROTOCOL, "truncated_frame", "ended in the middle (exit code 0)"),
    fails(PROTOCOL, "truncated_header", "ended in the middle (exit code 0)"),
    hangs(PROTOCOL, "header_and_nothing_more"),
    hangs(PROTOCOL, "trickles"),
    fails(PROTOCOL, "shuts_its_side", "closed the conversation"),
    lives(PROTOCOL, "forged_end", 0),
    fails(PROTOCOL, "done_with_garbage", "gather returned -1"),
    fails(PROTOCOL, "forged_code", "gather returned -2147483648"),
    hangs(PROTOCOL, "asks_without_reading"),
    lives(PROTOCOL, "sends_descriptors", 1),
    fails(PROTOCOL, "wrong_context", "crashed (signal"),
    fails(PROTOCOL, "length_that_is_not_there", "ended in the middle (exit code 1)"),
    fails(PROTOCOL, "length_that_cannot_be", "handed over nothing"),
    fails(PROTOCOL, "nothing_with_a_length", "its facts are no JSON"),
    fails(PROTOCOL, "writes_over_the_reply", "crashed (signal"),
];

/// In facts.
pub const FACTS: [Kind; 20] = [
    fails(PROTOCOL, "emits_nothing", "handed over nothing"),
    fails(PROTOCOL, "emits_twice", "two results"),
    fails(PROTOCOL, "nested_facts", "its facts are no JSON"),
    loses(PROTOCOL, "nested_facts_that_end", "wrong-type", "declared as text"),
    fails(PROTOCOL, "invalid_utf8", "its facts are no JSON"),
    fails(PROTOCOL, "lone_surrogate", "its facts are no JSON"),
    fails(PROTOCOL, "nan", "its facts are no JSON"),
    fails(PROTOCOL, "infinity", "its facts are no JSON"),
    fails(PROTOCOL, "too_large_a_number", "fits neither"),
    loses(PROTOCOL, "duplicate_keys", "wrong-type", "declared as text"),
    lives(PROTOCOL, "undeclared_facts", 0),
    lives(PROTOCOL, "thousands_of_undeclared_facts", 0),
    loses(PROTOCOL, "wrong_types", "wrong-type", "declared as text"),
    loses(PROTOCOL, "facts_that_are_no_record", "wrong-type", "no record"),
    fails(PROTOCOL, "facts_that_are_no_json", "its facts are no JSON"),
    fails(PROTOCOL, "unknown_for_no_known_reason", "a cause needs"),
    fails(PROTOCOL, "partial_nonsense", "a cause needs"),
    fails(PROTOCOL, "hundred_megabytes", "handed over nothing"),
    loses(PROTOCOL, "escapes_to_the_terminal", "", ""),
    fails(PROTOCOL, "another_protocol", "speaks protocol 99"),
];

/// In targets and requests.
pub const TARGETS_AND_REQUESTS: [Kind; 11] = [
    fails(PROTOCOL, "targets_are_facts", "no list of this protocol"),
    fails(PROTOCOL, "targets_twice", "two results"),
    fails(PROTOCOL, "facts_while_discovering", "no list of this protocol"),
    lives(PROTOCOL, "thousands_of_targets", 0),
    lives(PROTOCOL, "targets_of_others", 3),
    lives(PROTOCOL, "requests_that_are_none", 10),
    hangs(PROTOCOL, "million_requests"),
    lives(BROKER, "asks_for_paths", 40),
    lives(BROKER, "asks_for_globs", 13),
    hangs(BROKER, "walks_everything"),
    hangs(BROKER, "walks_itself"),
];

/// To the machine, past the agent.
pub const TO_THE_MACHINE: [Kind; 17] = [
    lives(PROCESSES, "fork_bomb", 4),
    lives(PROCESSES, "thread_bomb", 1),
    lives(PROCESSES, "runs_programs", 4),
    lives(PROCESSES, "loads_a_library", 3),
    lives(PROCESSES, "changes_its_limits", 19),
    lives(PROCESSES, "signals_the_agent", 12),
    lives(PROCESSES, "signals_by_descriptor", 6),
    lives(PROCESSES, "reads_the_agent", 14),
    lives(PROCESSES, "watches_others", 29),
    lives(FILES, "reads_files", 28),
    lives(FILES, "writes_files", 28),
    lives(NETWORK, "opens_sockets", 18),
    lives(NETWORK, "reaches_listeners", 9),
    lives(NETWORK, "uses_the_channel", 11),
    lives(KERNEL, "kernel_calls", 24),
    lives(KERNEL, "calls_of_x32", 1),
    fails(KERNEL, "calls_of_32_bits", "crashed (signal"),
];

/// Calls that end the process at once: nobody makes them by mistake. Where no lock stops them their arguments do, so that
/// a test that fails leaves the machine as it was.
pub const DEADLY: [(&str, &str); 33] = [
    ("ptrace", "SYS_ptrace, 0, 0, 0, 0"),
    ("ptrace_of_the_agent", "SYS_ptrace, 0x4206, agent(site), 0, 0"),
    ("reading_the_agents_memory", "SYS_process_vm_readv, agent(site), buffer, 0, buffer, 0, 0"),
    ("writing_the_agents_memory", "SYS_process_vm_writev, agent(site), buffer, 0, buffer, 0, 0"),
    ("taking_the_agents_descriptors", "SYS_pidfd_getfd, channel(), 0, 0"),
    ("bpf", "SYS_bpf, 0, (uint32_t[18]){1, 4, 4, 1}, 72"),
    ("perf", "SYS_perf_event_open, (uint32_t[32]){1, 128}, 0, -1, -1, 0"),
    ("userfaultfd", "SYS_userfaultfd, 1"),
    ("io_uring", "SYS_io_uring_setup, 1, buffer"),
    ("io_uring_enter", "SYS_io_uring_enter, channel(), 0, 0, 0, 0, 0"),
    ("mount", "SYS_mount, \"none\", HOSTILE_FOLDER \"/empty\", \"goodstead\", 0, 0"),
    ("umount", "SYS_umount2, HOSTILE_FOLDER \"/empty\", 0"),
    ("open_tree", "SYS_open_tree, -100, \"/\", 0"),
    ("fsopen", "SYS_fsopen, \"tmpfs\", 0"),
    ("move_mount", "SYS_move_mount, -1, \"\", -1, \"\", 0"),
    ("pivot_root", "SYS_pivot_root, \"/\", \"/\""),
    ("chroot", "SYS_chroot, \"/\""),
    ("user_namespace", "SYS_unshare, CLONE_NEWUSER"),
    ("network_namespace", "SYS_unshare, CLONE_NEWNET"),
    ("mount_namespace", "SYS_unshare, CLONE_NEWNS"),
    ("another_namespace", "SYS_setns, channel(), 0"),
    ("keyring", "SYS_keyctl, 0, -3, 1"),
    ("adding_a_key", "SYS_add_key, \"user\", \"goodstead\", \"x\", 1, -2"),
    ("requesting_a_key", "SYS_request_key, \"user\", \"goodstead\", 0, 0"),
    ("module", "SYS_init_module, buffer, 0, \"\""),
    ("module_by_descriptor", "SYS_finit_module, channel(), \"\", 0"),
    ("removing_a_module", "SYS_delete_module, \"goodstead\", 0"),
    ("another_kernel", "SYS_kexec_load, 0, 0, 0, 0"),
    ("reboot", "SYS_reboot, 0, 0, 0, 0"),
    ("swapon", "SYS_swapon, HOSTILE_CANARY, 0"),
    ("swapoff", "SYS_swapoff, HOSTILE_CANARY"),
    ("accounting", "SYS_acct, HOSTILE_FOLDER"),
    ("file_by_handle", "SYS_open_by_handle_at, -100, (uint32_t[40]){8, 1}, 0"),
];

/// In Rust, by the name of the target.
pub const IN_RUST: [(&str, End); 7] = [
    ("panics", Loses("plugin-failed", "the plugin panicked")),
    ("panics_across_the_abi", Loses("plugin-failed", "crashed (signal 6)")),
    ("lies", Loses("wrong-type", "declared as text")),
    ("blames_the_agent", Loses("not-permitted", "no permission")),
    ("exhausts_memory", Loses("plugin-failed", "crashed (signal 6)")),
    ("starts_a_thread", Lives(1)),
    ("nothing_else", Lives(1)),
];

/// A file of `plugins/hostile`.
pub const FLOOD: &str = "flood.c";

/// In what it sends and asks for: as much as it can, in every form that takes the agent more memory than the plugin.
pub const FLOODS: [&str; 22] = [
    "floods_with_lists",
    "floods_with_maps",
    "floods_with_numbers",
    "floods_with_a_partial_list",
    "floods_with_empty_records",
    "floods_with_wrong_records",
    "floods_with_unknown_records",
    "floods_with_a_cause",
    "floods_with_a_remedy",
    "floods_with_a_text",
    "floods_with_a_name",
    "floods_with_names",
    "floods_with_settings",
    "floods_with_hints",
    "floods_with_large_hints",
    "floods_with_titles",
    "floods_with_a_reason",
    "floods_with_paths",
    "floods_with_globs",
    "floods_with_nonsense",
    "floods_itself_with_files",
    "floods_with_data",
];

/// A file of `plugins/hostile`.
pub const TEXTS: &str = "texts.c";

/// In texts that no contract declares.
pub const SMUGGLERS: [&str; 3] =
    ["says_it_beside_its_facts", "says_it_instead_of_targets", "says_it_in_what_is_wrong"];

/// In every form of the password that it was handed.
pub const PASSWORD_THIEF: &str = "says_it_as_a_configured_target";

/// With tests of their own: links that are swapped, a slow command, granted connections to a database, over TCP and over
/// a Unix socket, four manifests, four libraries that want code of their own making.
pub const ALONE: usize = 13;

/// How many kinds of hostility there are in all; a kind that lives on makes up to forty attempts.
pub const KINDS: usize = TO_ITSELF.len()
    + UNCALLED.len()
    + FRAMES.len()
    + FACTS.len()
    + TARGETS_AND_REQUESTS.len()
    + TO_THE_MACHINE.len()
    + DEADLY.len()
    + IN_RUST.len()
    + FLOODS.len()
    + SMUGGLERS.len()
    + 1 // The thief of passwords.
    + ALONE;
