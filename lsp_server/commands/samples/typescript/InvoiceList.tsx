import { useMemo, useState } from "react";
import type { Invoice, Status } from "./invoice";
import { format, totalOfInvoice } from "./money";
import type { InvoiceRepository } from "./repository";

interface InvoiceListProps {
  readonly repository: InvoiceRepository;
  readonly onSelect: (invoice: Invoice) => void;
}

const STATUSES: readonly Status[] = ["draft", "sent", "paid", "cancelled"];

export function InvoiceList({ repository, onSelect }: InvoiceListProps) {
  const [status, setStatus] = useState<Status>("sent");
  const invoices = useMemo(
    () => repository.find({ status }),
    [repository, status],
  );

  return (
    <section className="invoices">
      <select
        value={status}
        onChange={(event) => setStatus(event.target.value as Status)}
      >
        {STATUSES.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
      <ul>
        {invoices.map((invoice) => (
          <li key={invoice.id} onClick={() => onSelect(invoice)}>
            <span className="number">{invoice.number}</span>
            <span className="customer">{invoice.customer.name}</span>
            <span className="total">
              {format(totalOfInvoice(invoice, "EUR"))}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
