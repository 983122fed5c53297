"""Methods about variables. The modules, in reading order.

reads          one variable
listings       names and lists; point_in_time has the lists of a past time
update         loading and locking one variable, and replacing its value
writes         update, modify, delete, constraints
registration   put and register a whole variable; insertion has what inserts need
upserts        update the variable of a name, or register it
batches        several variables in one transaction
history        past values and rollback
leases         optimisation; lease_operations has what it does in a transaction
held_lease     lease(): a block that holds a variable; grant has what is known of it
"""
