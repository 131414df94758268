// SPDX-License-Identifier: Apache-2.0
// The least that runs a bare PVH guest on KVM: what qvm is measured against. One vCPU, one memory slot, no interrupt
// controller, no device but a transmit-only serial port. Ends when the guest does.
//
//     bare_loop [-c CMDLINE] [-m MEBIBYTES] GUEST.elf

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COM1_DATA = 0x3f8,
    COM1_LINE_STATUS = 0x3fd,
    TRANSMITTER_EMPTY = 0x60,
    XEN_ELFNOTE_PHYS32_ENTRY = 18,
    START_INFO_AT = 0x6000,
    CMDLINE_AT = 0x6100,
};
#define TSS_AT 0xfffbd000UL  // Intel's processors want a place for it; any outside memory does

// Xen's include/public/arch-x86/hvm/start_info.h, version 0.
struct start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist, cmdline, rsdp;
};

static _Noreturn void die(const char* what) {
    fprintf(stderr, "bare_loop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int check(const char* what, int result) {
    if (result < 0) die(what);
    return result;
}

static void read_at(int fd, void* into, size_t size, uint64_t offset) {
    errno = ENOEXEC;
    if (pread(fd, into, size, (off_t)offset) != (ssize_t)size) die("reading the guest");
}

static uint32_t entry_of_note(int fd, const Elf64_Phdr* segment) {
    struct {
        uint32_t name_size, value_size, type;
        char name[4];
        uint32_t entry;
    } note;
    read_at(fd, &note, sizeof note, segment->p_offset);
    return note.type == XEN_ELFNOTE_PHYS32_ENTRY ? note.entry : 0;
}

static uint32_t load(const char* path, uint8_t* memory, uint64_t size) {
    const int fd = check(path, open(path, O_RDONLY | O_CLOEXEC));
    Elf64_Ehdr header;
    read_at(fd, &header, sizeof header, 0);
    uint32_t entry = 0;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment;
        read_at(fd, &segment, sizeof segment, header.e_phoff + (uint64_t)i * sizeof segment);
        if (segment.p_type == PT_NOTE) entry = entry_of_note(fd, &segment);
        if (segment.p_type != PT_LOAD) continue;
        errno = ENOMEM;
        if (segment.p_paddr > size || segment.p_memsz > size - segment.p_paddr) die("a segment outside memory");
        read_at(fd, memory + segment.p_paddr, segment.p_filesz, segment.p_offset);
    }
    close(fd);
    errno = ENOEXEC;
    if (entry == 0) die("no PVH entry");
    return entry;
}

static void write_start_info(uint8_t* memory, const char* cmdline) {
    const struct start_info info = {.magic = 0x336ec578, .cmdline = CMDLINE_AT};
    memcpy(memory + START_INFO_AT, &info, sizeof info);
    strncpy((char*)memory + CMDLINE_AT, cmdline, 255);
}

static struct kvm_segment flat(uint8_t type, uint16_t selector) {
    return (struct kvm_segment){
        .limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .db = 1, .s = 1, .g = 1};
}

static void set_registers(int vcpu, uint32_t entry) {
    struct kvm_sregs special;
    check("KVM_GET_SREGS", ioctl(vcpu, KVM_GET_SREGS, &special));
    special.cs = flat(11, 8);
    special.ds = special.es = special.ss = special.fs = special.gs = flat(3, 16);
    special.cr0 = 0x11;
    check("KVM_SET_SREGS", ioctl(vcpu, KVM_SET_SREGS, &special));
    const struct kvm_regs general = {.rip = entry, .rbx = START_INFO_AT, .rflags = 2};
    check("KVM_SET_REGS", ioctl(vcpu, KVM_SET_REGS, &general));
}

static void do_io(struct kvm_run* run) {
    uint8_t* const data = (uint8_t*)run + run->io.data_offset;
    const int out = run->io.direction == KVM_EXIT_IO_OUT;
    const size_t size = (size_t)run->io.size * run->io.count;
    if (out && run->io.port == COM1_DATA) {
        if (write(STDOUT_FILENO, data, size) < 0) die("write");
    }
    if (out) return;
    memset(data, run->io.port == COM1_LINE_STATUS ? TRANSMITTER_EMPTY : 0xff, size);
}

static void run_until_end(int vcpu, struct kvm_run* run) {
    for (;;) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR) die("KVM_RUN");
        switch (run->exit_reason) {
            case KVM_EXIT_IO:
                do_io(run);
                break;
            case KVM_EXIT_SHUTDOWN:
            case KVM_EXIT_HLT:
                return;
            default:
                fprintf(stderr, "bare_loop: exit reason %u\n", run->exit_reason);
                exit(1);
        }
    }
}

int main(int argc, char** argv) {
    const char* cmdline = "";
    uint64_t size = 64;
    for (int option; (option = getopt(argc, argv, "c:m:")) != -1;) {
        if (option == 'c') cmdline = optarg;
        if (option == 'm') size = strtoull(optarg, NULL, 0);
        if (option == '?') return 2;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: bare_loop [-c CMDLINE] [-m MEBIBYTES] GUEST.elf\n");
        return 2;
    }
    size <<= 20;

    const int kvm = check("/dev/kvm", open("/dev/kvm", O_RDWR | O_CLOEXEC));
    const int vm = check("KVM_CREATE_VM", ioctl(kvm, KVM_CREATE_VM, 0));
    check("KVM_SET_TSS_ADDR", ioctl(vm, KVM_SET_TSS_ADDR, TSS_AT));
    uint8_t* const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    const struct kvm_userspace_memory_region slot = {.memory_size = size, .userspace_addr = (uintptr_t)memory};
    check("KVM_SET_USER_MEMORY_REGION", ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot));
    const uint32_t entry = load(argv[optind], memory, size);
    write_start_info(memory, cmdline);

    const int vcpu = check("KVM_CREATE_VCPU", ioctl(vm, KVM_CREATE_VCPU, 0));
    const int shared = check("KVM_GET_VCPU_MMAP_SIZE", ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
    struct kvm_run* const run = mmap(NULL, (size_t)shared, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) die("mmap");
    set_registers(vcpu, entry);
    run_until_end(vcpu, run);
    return 0;
}
