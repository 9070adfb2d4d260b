.mode list
create table customer(id integer primary key, name text not null, city text);
create table orders(id integer primary key, customer integer references customer(id), item text, price real);
create table log(what text, at integer);
create index orders_by_customer on orders(customer, price);
create trigger priced after update of price on orders begin
  insert into log values(printf('order %d: %.2f -> %.2f', new.id, old.price, new.price), (select count(*) from log));
end;
insert into customer(name, city) values ('Ada', 'London'), ('Grace', 'New York'), ('Edsger', 'Nuenen'), ('Barbara', 'Boston');
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60)
insert into orders(customer, item, price) select i % 4 + 1, 'item ' || (i * 37 % 11), (i * 7919 % 1000) / 10.0 from n;
select name, count(*), round(sum(price), 2) from customer join orders on orders.customer = customer.id group by name order by 3 desc;
begin;
update orders set price = price * 1.1 where customer = 2 and price > 50;
select count(*), max(at) from log;
savepoint half;
delete from orders where id % 2 = 0;
select count(*) from orders;
rollback to half;
commit;
.print == the log
select what from log order by at limit 5;
.mode column
select item, price, rank() over (partition by item order by price desc) as place
  from orders where item in ('item 3', 'item 5') order by item, place limit 8;
create view cities as select city, avg(price) as mean from customer join orders on customer.id = customer group by city;
select city, round(mean, 3) as mean from cities order by city;
with recursive tree(id, depth, path) as (
  select 1, 0, '1' union all select tree.id * 2 + d.d, depth + 1, path || '/' || (tree.id * 2 + d.d)
  from tree, (select 0 as d union select 1) as d where depth < 3)
select depth, count(*), max(path) from tree group by depth;
insert into customer(id, name) values (1, 'twice');
select json_group_array(name) from (select name from customer order by name);
pragma integrity_check;
vacuum;
select count(*), sum(length(item)) from orders;
