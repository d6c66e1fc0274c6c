/* What a file is; for 64-bit Linux. */
#ifndef NNC_SYS_STAT_H
#define NNC_SYS_STAT_H

struct stat {
    unsigned long st_dev, st_ino;
#if defined(__x86_64__)
    unsigned long st_nlink;
    unsigned st_mode, st_uid, st_gid, padding_;
    unsigned long st_rdev;
    long st_size, st_blksize, st_blocks;
#else
    unsigned st_mode, st_nlink, st_uid, st_gid;
    unsigned long st_rdev, padding_;
    long st_size;
    int st_blksize, more_padding_;
    long st_blocks;
#endif
    long times_[6], reserved_[3];
};

#define S_ISDIR(mode) (((mode)&0170000) == 0040000)
#define S_ISREG(mode) (((mode)&0170000) == 0100000)
int chmod(const char *, unsigned);
int fstat(int, struct stat *);
int stat(const char *restrict, struct stat *restrict);

#endif
