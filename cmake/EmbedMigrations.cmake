# Builds migrations/NNNN_name.sql into the binary: writes a C file with one array of bytes a migration.
# pinhole_embed_migrations(OUTPUT) runs again whenever a file changes or is added.
function(pinhole_embed_migrations output)
    file(GLOB migrations CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/[0-9][0-9][0-9][0-9]_*.sql)
    list(SORT migrations)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}" "-DMIGRATIONS=${migrations}"
                -P ${CMAKE_SOURCE_DIR}/cmake/write_migrations.cmake
        DEPENDS ${migrations} ${CMAKE_SOURCE_DIR}/cmake/write_migrations.cmake
        VERBATIM)
endfunction()
