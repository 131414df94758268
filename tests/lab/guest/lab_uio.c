// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
// The L1's driver for a device of its board that a guest is to have, as uio_pdrv_genirq is on other hosts: Debian's
// kernel has UIO, and no driver of it for what is not on PCI. Takes the device whose node in the tree is named by
// `node=`, once the kernel's own driver is unbound.
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/platform_device.h>
#include <linux/uio_driver.h>

static char* node;
module_param(node, charp, 0444);

static struct platform_device* device;
static struct uio_info info = {.name = "lab_uio", .version = "1"};
static unsigned long masked;

static irqreturn_t fired(int irq, struct uio_info* which) {
    if (!test_and_set_bit(0, &masked)) disable_irq_nosync(irq);
    return IRQ_HANDLED;
}

static int control(struct uio_info* which, s32 on) {
    if (on && test_and_clear_bit(0, &masked)) enable_irq(which->irq);
    if (!on && !test_and_set_bit(0, &masked)) disable_irq(which->irq);
    return 0;
}

static int find(void) {
    struct device_node* found = of_find_node_by_path(node);
    struct resource registers;
    int error;

    if (!found) return -ENODEV;
    error = of_address_to_resource(found, 0, &registers);
    info.irq = irq_of_parse_and_map(found, 0);
    of_node_put(found);
    if (error || !info.irq) return -ENXIO;
    info.mem[0].name = "registers";
    info.mem[0].addr = registers.start;
    info.mem[0].size = resource_size(&registers);
    info.mem[0].memtype = UIO_MEM_PHYS;
    return 0;
}

static int __init start(void) {
    int error = find();

    if (error) return error;
    info.handler = fired;
    info.irqcontrol = control;
    device = platform_device_register_simple("lab_uio", PLATFORM_DEVID_NONE, NULL, 0);
    if (IS_ERR(device)) return PTR_ERR(device);
    error = uio_register_device(&device->dev, &info);
    if (error) platform_device_unregister(device);
    return error;
}

static void __exit end(void) {
    uio_unregister_device(&info);
    platform_device_unregister(device);
}

module_init(start);
module_exit(end);
MODULE_DESCRIPTION("UIO for a device of the device tree");
MODULE_LICENSE("GPL");
