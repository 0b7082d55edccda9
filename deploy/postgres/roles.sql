-- The database `gleanery` with the roles that a Supabase project has, on a PostgreSQL of one's own with pgvector. psql runs it once,
-- as a superuser, when the data folder is made; OWNER_PASSWORD and AUTHENTICATOR_PASSWORD come from the environment.
-- The tables are not here: `gleanery migrate` makes them, as the owner.
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv authenticator_password AUTHENTICATOR_PASSWORD

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
-- PostgREST comes as this one and becomes one of the three by the key that a request brings.
create role authenticator noinherit login password :'authenticator_password';
grant anon, authenticated, service_role to authenticator;
alter role authenticator set statement_timeout = '8s';
create role gleanery login password :'owner_password';

create database gleanery owner gleanery;
\connect gleanery
grant usage on schema public to anon, authenticated, service_role;
create schema extensions;
grant usage on schema extensions to public;
create extension vector schema extensions;
