//! What kind of storage stands behind a mount, which decides what may be asked and what is worth judging.

/// The class of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A disk of this host.
    Local,
    /// Another machine or a program serves it, and asking can hang.
    Network,
    /// Read-only by nature and therefore always full.
    Image,
    /// No storage of its own.
    Pseudo,
    /// Memory.
    Memory,
}

impl Class {
    /// The class of a file system of type `fstype` from `source`, with the options of the file system itself.
    pub(crate) fn of(fstype: &str, source: &str, super_options: &str) -> Class {
        let read_only = super_options.split(',').any(|option| option == "ro");
        match fstype {
            "squashfs" | "iso9660" | "udf" | "erofs" | "cramfs" | "romfs" | "fuse.squashfuse"
            | "fuse.snapfuse" => Class::Image,
            _ if read_only && source.starts_with("/dev/loop") => Class::Image,
            "tmpfs" | "ramfs" | "devtmpfs" => Class::Memory,
            "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "zfs" | "f2fs" | "bcachefs" | "jfs" | "reiserfs"
            | "nilfs2" | "vfat" | "msdos" | "exfat" | "ntfs" | "ntfs3" | "hfsplus" | "ubifs" | "jffs2" => {
                Class::Local
            }
            // NTFS by a program, on a disk of this host.
            "fuseblk" => Class::Local,
            // They serve views of the system or a desktop, no storage.
            "fuse.lxcfs" | "fuse.portal" | "fuse.gvfsd-fuse" | "fusectl" => Class::Pseudo,
            "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "9p" | "virtiofs" | "ceph" | "afs" | "lustre"
            | "gpfs" | "beegfs" | "orangefs" | "ocfs2" | "gfs2" | "coda" | "vboxsf" | "vmhgfs" => {
                Class::Network
            }
            // Any program may stand behind it.
            _ if fstype == "fuse" || fstype.starts_with("fuse.") => Class::Network,
            _ => Class::Pseudo,
        }
    }

    /// The class as the contract has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Class::Local => "local",
            Class::Network => "network",
            Class::Image => "image",
            Class::Pseudo => "pseudo",
            Class::Memory => "memory",
        }
    }

    /// Whether its size is asked for. The others have none that means anything, or can hang.
    pub(crate) fn is_measured(self) -> bool {
        matches!(self, Class::Local | Class::Memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_type_source_and_options() {
        let of = |fstype, source, options| Class::of(fstype, source, options).word();
        assert_eq!(of("ext4", "/dev/vda", "rw"), "local");
        assert_eq!(of("squashfs", "/dev/loop3", "ro"), "image");
        assert_eq!(of("ext4", "/dev/loop3", "ro,nodelalloc"), "image");
        assert_eq!(of("ext4", "/dev/loop3", "rw,errors=remount-ro"), "local");
        assert_eq!(of("nfs4", "files.example:/export", "rw"), "network");
        assert_eq!(of("fuse.sshfs", "files.example:", "rw"), "network");
        assert_eq!(of("overlay", "overlay", "rw"), "pseudo");
        assert_eq!(of("tmpfs", "tmpfs", "rw"), "memory");
        assert_eq!(of("autofs", "systemd-1", "rw"), "pseudo");
    }
}
