// SPDX-License-Identifier: Apache-2.0
// Tables as they lie in memory, with the specification's names in small letters (ACPI 6.4, chapter 5).
#pragma once

#include <cstdint>

namespace qvm::x86::acpi {

#pragma pack(push, 1)

/// ACPI 6.4, 5.2.6.
struct Header {
    char signature[4];
    std::uint32_t length;
    std::uint8_t revision;
    std::uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    std::uint32_t oem_revision;
    char creator_id[4];
    std::uint32_t creator_revision;
};
static_assert(sizeof(Header) == 36);

/// Root System Description Pointer, ACPI 6.4, 5.2.5.3.
struct Rsdp {
    char signature[8];
    std::uint8_t checksum;  // of the first 20 bytes
    char oem_id[6];
    std::uint8_t revision;
    std::uint32_t rsdt_address;
    std::uint32_t length;
    std::uint64_t xsdt_address;
    std::uint8_t extended_checksum;
    std::uint8_t reserved[3];
};
static_assert(sizeof(Rsdp) == 36);

/// Generic Address Structure, ACPI 6.4, 5.2.3.2.
struct GenericAddress {
    std::uint8_t address_space_id;
    std::uint8_t register_bit_width;
    std::uint8_t register_bit_offset;
    std::uint8_t access_size;
    std::uint64_t address;
};
static_assert(sizeof(GenericAddress) == 12);

/// Fixed ACPI Description Table, ACPI 6.4, 5.2.9.
struct Fadt {
    Header header;
    std::uint32_t firmware_ctrl;
    std::uint32_t dsdt;
    std::uint8_t reserved0;
    std::uint8_t preferred_pm_profile;
    std::uint16_t sci_int;
    std::uint32_t smi_cmd;
    std::uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
    std::uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk;
    std::uint32_t pm2_cnt_blk, pm_tmr_blk, gpe0_blk, gpe1_blk;
    std::uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
    std::uint8_t gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
    std::uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
    std::uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
    std::uint16_t iapc_boot_arch;
    std::uint8_t reserved1;
    std::uint32_t flags;
    GenericAddress reset_reg;
    std::uint8_t reset_value;
    std::uint16_t arm_boot_arch;
    std::uint8_t fadt_minor_version;
    std::uint64_t x_firmware_ctrl;
    std::uint64_t x_dsdt;
    GenericAddress x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk;
    GenericAddress x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk;
    GenericAddress sleep_control_reg, sleep_status_reg;
    std::uint64_t hypervisor_vendor_identity;
};
static_assert(sizeof(Fadt) == 276);

/// Firmware ACPI Control Structure, ACPI 6.4, 5.2.10. Without a checksum.
struct Facs {
    char signature[4];
    std::uint32_t length;
    std::uint32_t hardware_signature;
    std::uint32_t firmware_waking_vector;
    std::uint32_t global_lock;
    std::uint32_t flags;
    std::uint64_t x_firmware_waking_vector;
    std::uint8_t version;
    std::uint8_t reserved[31];
};
static_assert(sizeof(Facs) == 64);

/// Multiple APIC Description Table and its structures, ACPI 6.4, 5.2.12.
struct Madt {
    Header header;
    std::uint32_t local_apic_address;
    std::uint32_t flags;
};
struct MadtLocalApic {
    std::uint8_t type = 0, length = 8;
    std::uint8_t processor_uid, apic_id;
    std::uint32_t flags;
};
struct MadtIoapic {
    std::uint8_t type = 1, length = 12;
    std::uint8_t id, reserved;
    std::uint32_t address, gsi_base;
};
struct MadtSourceOverride {
    std::uint8_t type = 2, length = 10;
    std::uint8_t bus, source;
    std::uint32_t gsi;
    std::uint16_t flags;
};
struct MadtLocalApicNmi {
    std::uint8_t type = 4, length = 6;
    std::uint8_t processor_uid;
    std::uint16_t flags;
    std::uint8_t lint;
};
struct MadtLocalX2apic {
    std::uint8_t type = 9, length = 16;
    std::uint16_t reserved;
    std::uint32_t x2apic_id, flags, processor_uid;
};
struct MadtLocalX2apicNmi {
    std::uint8_t type = 10, length = 12;
    std::uint16_t flags;
    std::uint32_t processor_uid;
    std::uint8_t lint;
    std::uint8_t reserved[3];
};
static_assert(sizeof(Madt) == 44 && sizeof(MadtLocalApic) == 8 && sizeof(MadtIoapic) == 12 &&
              sizeof(MadtSourceOverride) == 10 && sizeof(MadtLocalApicNmi) == 6 && sizeof(MadtLocalX2apic) == 16 &&
              sizeof(MadtLocalX2apicNmi) == 12);

/// Memory mapped configuration space, PCI Firmware 3.2, 4.1.2.
struct Mcfg {
    Header header;
    std::uint64_t reserved;
};
struct McfgAllocation {
    std::uint64_t base_address;
    std::uint16_t segment;
    std::uint8_t start_bus, end_bus;
    std::uint32_t reserved;
};
static_assert(sizeof(Mcfg) == 44 && sizeof(McfgAllocation) == 16);

#pragma pack(pop)

}  // namespace qvm::x86::acpi
