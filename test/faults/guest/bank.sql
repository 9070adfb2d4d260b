.bail on
create table account(id integer primary key, owner text, balance integer);
create table transfer(id integer primary key, source integer, target integer, amount integer, note text);
create index by_source on transfer(source, amount);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 50)
insert into account select i, 'owner ' || i, 1000 from n;
select 'begin', sum(balance) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 1) % 50 + 1, (i * 13 + 1) % 50 + 1, (i * 31 + 1) % 97, printf('%064d', i * 1) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 1, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 2) % 50 + 1, (i * 13 + 2) % 50 + 1, (i * 31 + 2) % 97, printf('%064d', i * 2) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 2, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 3) % 50 + 1, (i * 13 + 3) % 50 + 1, (i * 31 + 3) % 97, printf('%064d', i * 3) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 3, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 4) % 50 + 1, (i * 13 + 4) % 50 + 1, (i * 31 + 4) % 97, printf('%064d', i * 4) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 4, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 5) % 50 + 1, (i * 13 + 5) % 50 + 1, (i * 31 + 5) % 97, printf('%064d', i * 5) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 5, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
delete from transfer where id % 3 = 0;
rollback;
select 'rolled back', count(*) from transfer;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 6) % 50 + 1, (i * 13 + 6) % 50 + 1, (i * 31 + 6) % 97, printf('%064d', i * 6) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 6, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 7) % 50 + 1, (i * 13 + 7) % 50 + 1, (i * 31 + 7) % 97, printf('%064d', i * 7) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 7, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 8) % 50 + 1, (i * 13 + 8) % 50 + 1, (i * 31 + 8) % 97, printf('%064d', i * 8) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 8, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 9) % 50 + 1, (i * 13 + 9) % 50 + 1, (i * 31 + 9) % 97, printf('%064d', i * 9) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 9, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 10) % 50 + 1, (i * 13 + 10) % 50 + 1, (i * 31 + 10) % 97, printf('%064d', i * 10) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 10, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 11) % 50 + 1, (i * 13 + 11) % 50 + 1, (i * 31 + 11) % 97, printf('%064d', i * 11) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 11, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 12) % 50 + 1, (i * 13 + 12) % 50 + 1, (i * 31 + 12) % 97, printf('%064d', i * 12) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 12, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 13) % 50 + 1, (i * 13 + 13) % 50 + 1, (i * 31 + 13) % 97, printf('%064d', i * 13) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 13, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 14) % 50 + 1, (i * 13 + 14) % 50 + 1, (i * 31 + 14) % 97, printf('%064d', i * 14) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 14, sum(balance), count(*), (select sum(amount) from transfer) from account;
delete from transfer where id % 7 = 0; vacuum; select 'vacuum', count(*) from transfer;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 15) % 50 + 1, (i * 13 + 15) % 50 + 1, (i * 31 + 15) % 97, printf('%064d', i * 15) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 15, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
delete from transfer where id % 3 = 0;
rollback;
select 'rolled back', count(*) from transfer;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 16) % 50 + 1, (i * 13 + 16) % 50 + 1, (i * 31 + 16) % 97, printf('%064d', i * 16) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 16, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 17) % 50 + 1, (i * 13 + 17) % 50 + 1, (i * 31 + 17) % 97, printf('%064d', i * 17) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 17, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 18) % 50 + 1, (i * 13 + 18) % 50 + 1, (i * 31 + 18) % 97, printf('%064d', i * 18) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 18, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 19) % 50 + 1, (i * 13 + 19) % 50 + 1, (i * 31 + 19) % 97, printf('%064d', i * 19) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 19, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 20) % 50 + 1, (i * 13 + 20) % 50 + 1, (i * 31 + 20) % 97, printf('%064d', i * 20) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 20, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 21) % 50 + 1, (i * 13 + 21) % 50 + 1, (i * 31 + 21) % 97, printf('%064d', i * 21) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 21, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 22) % 50 + 1, (i * 13 + 22) % 50 + 1, (i * 31 + 22) % 97, printf('%064d', i * 22) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 22, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 23) % 50 + 1, (i * 13 + 23) % 50 + 1, (i * 31 + 23) % 97, printf('%064d', i * 23) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 23, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 24) % 50 + 1, (i * 13 + 24) % 50 + 1, (i * 31 + 24) % 97, printf('%064d', i * 24) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 24, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 25) % 50 + 1, (i * 13 + 25) % 50 + 1, (i * 31 + 25) % 97, printf('%064d', i * 25) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 25, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
delete from transfer where id % 3 = 0;
rollback;
select 'rolled back', count(*) from transfer;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 26) % 50 + 1, (i * 13 + 26) % 50 + 1, (i * 31 + 26) % 97, printf('%064d', i * 26) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 26, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 27) % 50 + 1, (i * 13 + 27) % 50 + 1, (i * 31 + 27) % 97, printf('%064d', i * 27) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 27, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 28) % 50 + 1, (i * 13 + 28) % 50 + 1, (i * 31 + 28) % 97, printf('%064d', i * 28) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 28, sum(balance), count(*), (select sum(amount) from transfer) from account;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 29) % 50 + 1, (i * 13 + 29) % 50 + 1, (i * 31 + 29) % 97, printf('%064d', i * 29) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 29, sum(balance), count(*), (select sum(amount) from transfer) from account;
delete from transfer where id % 7 = 0; vacuum; select 'vacuum', count(*) from transfer;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120)
insert into transfer(source, target, amount, note)
  select (i * 7 + 30) % 50 + 1, (i * 13 + 30) % 50 + 1, (i * 31 + 30) % 97, printf('%064d', i * 30) from n;
update account set balance = balance
  - (select coalesce(sum(amount), 0) from transfer where source = account.id and id > (select max(id) - 120 from transfer))
  + (select coalesce(sum(amount), 0) from transfer where target = account.id and id > (select max(id) - 120 from transfer));
commit;
select 30, sum(balance), count(*), (select sum(amount) from transfer) from account;
pragma integrity_check; select 'end', sum(balance), count(*) from account;
