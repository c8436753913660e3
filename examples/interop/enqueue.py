import sys

from tasks import send_invoice

for order_id in sys.argv[1:]:
    print(send_invoice.delay(int(order_id), event="paid").id)
