import type { Invoice, InvoiceFilter, Money, Status } from "./invoice";
import { InvoiceNotFoundError, WrongStatusError } from "./invoice";
import { add, money, totalOfInvoice } from "./money";

/** Keeps invoices in memory, by their ids. */
export class InvoiceRepository {
  private readonly invoices = new Map<string, Invoice>();

  /** Returns the invoice with this id; throws if there is none. */
  get(id: string): Invoice {
    const invoice = this.invoices.get(id);
    if (invoice === undefined) {
      throw new InvoiceNotFoundError(id);
    }
    return invoice;
  }

  save(invoice: Invoice): void {
    this.invoices.set(invoice.id, invoice);
  }

  delete(id: string): void {
    if (!this.invoices.delete(id)) {
      throw new InvoiceNotFoundError(id);
    }
  }

  /** Sends a draft to its customer. */
  send(id: string): Invoice {
    const invoice = this.get(id);
    if (invoice.status !== "draft") {
      throw new WrongStatusError(invoice, "draft");
    }
    const sent: Invoice = { ...invoice, status: "sent" };
    this.save(sent);
    return sent;
  }

  pay(id: string, paidAt: Date): Invoice {
    const invoice = this.get(id);
    if (invoice.status !== "sent") {
      throw new WrongStatusError(invoice, "sent");
    }
    const paid: Invoice = { ...invoice, status: "paid", paidAt };
    this.save(paid);
    return paid;
  }

  /** Takes back what was sent and is not paid. */
  cancel(id: string): Invoice {
    const invoice = this.get(id);
    if (invoice.status !== "sent") {
      throw new WrongStatusError(invoice, "sent");
    }
    const cancelled: Invoice = { ...invoice, status: "cancelled" };
    this.save(cancelled);
    return cancelled;
  }

  /** Returns all invoices that fit, the newest first. */
  find(filter: InvoiceFilter = {}): Invoice[] {
    const found: Invoice[] = [];
    for (const invoice of this.invoices.values()) {
      if (fits(invoice, filter)) {
        found.push(invoice);
      }
    }
    return found.sort((a, b) => b.number - a.number);
  }

  /** Returns what was sent and not paid, and due before this day. */
  overdue(today: Date): Invoice[] {
    const sent = this.find({ status: "sent" });
    return sent.filter((invoice) => invoice.dueAt < today);
  }

  /** Returns what a customer has not paid yet. */
  outstanding(customerId: string): Money {
    let total = money(0, "EUR");
    for (const invoice of this.find({ status: "sent", customerId })) {
      total = add(total, totalOfInvoice(invoice, total.currency));
    }
    return total;
  }

  /** Counts the invoices of each status that occurs. */
  counts(): Map<Status, number> {
    const counts = new Map<Status, number>();
    for (const invoice of this.invoices.values()) {
      const count = counts.get(invoice.status) ?? 0;
      counts.set(invoice.status, count + 1);
    }
    return counts;
  }
}

/** Whether an invoice fits, as far as the filter names anything. */
function fits(invoice: Invoice, filter: InvoiceFilter): boolean {
  if (filter.status && invoice.status !== filter.status) {
    return false;
  }
  if (filter.customerId && invoice.customer.id !== filter.customerId) {
    return false;
  }
  if (filter.issuedAfter && invoice.issuedAt < filter.issuedAfter) {
    return false;
  }
  if (filter.issuedBefore && invoice.issuedAt > filter.issuedBefore) {
    return false;
  }
  return true;
}
